"""What a sentence means in this house."""
