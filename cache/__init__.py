"""The contract between extraction and training: shards, stores, manifests, configs. No torch, no OpenCV."""
