"""The live page that the exporter serves at `/`: its files, and the snapshot that they draw."""
