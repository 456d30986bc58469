"""The local control plane: a program of its own that runs one real sandbox per `POST /v1/sandboxes`."""
