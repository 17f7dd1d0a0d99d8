"""An evaluation suite that mirrors the curriculum, built from rows that are held out of training."""
