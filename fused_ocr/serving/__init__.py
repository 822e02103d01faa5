"""A server of readings over HTTP that speaks TF Serving's REST routes."""
