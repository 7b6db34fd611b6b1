"""The search for options: trials on the validation part, within a budget, every one of them reported."""
