"""The laptop's AWS: MiniStack, pinned to one version, with what it gets wrong put right.

One module a fix. Each says what AWS does (with its source), has `install()`, which replaces named parts
of MiniStack in this process, and has a test that asserts the defect on the unpatched version: when an
upgrade makes that test fail, the fix can go.
"""
