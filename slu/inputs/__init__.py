"""What a network reads: tokens of a text, matches with lexicons, the previous intent."""
