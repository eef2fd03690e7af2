"""Recipe to result: runs the steps over many photographs on one device, one bad photograph never stopping another."""
