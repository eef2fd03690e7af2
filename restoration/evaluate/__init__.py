"""Comparing models on photographs with ground truth."""
