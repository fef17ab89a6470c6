"""What is said about an image beside it: its parts, how it was made, and who vouches for that."""
