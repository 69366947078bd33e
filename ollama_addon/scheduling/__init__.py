"""What is to be done later."""
