"""What is proposed, made valid, checked, asked about and carried out."""
