"""A SOURCE of events opened, cleaned, split and read as histories, for training and for scoring."""
