"""Pictures of the app's screens, drawn by Android's own layout engine."""
