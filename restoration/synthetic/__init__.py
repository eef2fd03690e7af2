"""Pictures made by code: ageing, damage with a known place and truth, the demo collection. For training and tests."""
