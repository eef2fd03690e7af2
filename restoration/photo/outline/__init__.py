"""Where photographs lie on a scan: borders, oval openings, several prints on one bed, leaf or card, and cutting."""
