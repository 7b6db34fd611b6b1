"""The page and the card about a model, and their figures. Needs jinja2 and matplotlib."""
