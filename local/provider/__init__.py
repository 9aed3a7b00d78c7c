"""The AWS provider of the laptop cloud: the Pulumi engine attaches to it, and boto3 does the work on loopback."""
