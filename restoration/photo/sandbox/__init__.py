"""What the decoding process gives up before it sees the first byte of a scan: all that it does not need to decode."""
