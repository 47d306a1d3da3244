"""The two gRPC servers of a node: one for its peers over mutual TLS, one for its owner over a local socket."""
