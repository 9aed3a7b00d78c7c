# Every target is a command of ./rendio; this file only gives them the names people expect.
.DEFAULT_GOAL := help
COMMANDS := up preview down stop status logs env journey proof lint test canary chaos lock policies pulumi

.PHONY: help $(COMMANDS)

help: ## What there is to run
	@./rendio --help

# ARGS reaches the command: make preview ARGS=--diff, make logs ARGS="device_check -f".
$(COMMANDS):
	@./rendio $@ $(ARGS)
