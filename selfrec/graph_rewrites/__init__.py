"""Other forms of the graph, which a scorer runs in its place: without a pass, cut in two, a first product in 8 bits."""
