"""`selfrec plugins new`: a small distribution with one part, that passes its own tests as it is written."""
