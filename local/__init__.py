"""The laptop cloud: AWS, Postgres and the outside services on loopback, and the runner that starts them."""
