"""What a network answers: tensors, decoding and measures of each kind of answer."""
