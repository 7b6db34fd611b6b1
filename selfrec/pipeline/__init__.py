"""Parts joined into one recommender: built, trained, measured stage by stage. Needs torch."""
