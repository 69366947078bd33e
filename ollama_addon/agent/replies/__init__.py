"""What is said back."""
