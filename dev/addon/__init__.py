"""The app's own files: checked as the Supervisor checks them, built and run as it does."""
