"""Makes artefacts out of fused models, and checks them before they are published."""
