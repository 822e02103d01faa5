"""Finding: a RetinaNet on any keras.applications backbone, and its selection."""
