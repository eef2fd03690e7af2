"""Steps of a recipe: one file each, one interface (:mod:`restoration.steps.protocol`)."""
