"""What verification and identification measure, on features of faces."""
