"""One answer an item from many, with a probability for each."""
