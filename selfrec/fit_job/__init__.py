"""The fitting job: source -> data set -> pipeline -> graph -> model folder."""
