"""For reviewers: what the access model of a stack says, and who may do what by it, found by trying.

Only tests and the command line use this package; nothing that deploys may.
"""
