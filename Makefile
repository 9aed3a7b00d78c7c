# Every target is a command of ./rendio; this file only gives them the names people expect.
.DEFAULT_GOAL := help
COMMANDS := up preview down stop status logs env journey proof lint test canary chaos drill backfill insights query switch redrive restore subscriptions lock policies matrix mutate review pulumi

.PHONY: help $(COMMANDS)

help: ## What there is to run
	@./rendio --help

# ARGS reaches the command: make preview ARGS=--diff, make logs ARGS="device_check -f".
$(filter-out backfill insights query switch redrive restore subscriptions matrix mutate review,$(COMMANDS)):
	@./rendio $@ $(ARGS)

insights: ## make insights NAME=request ID=… STACK=prod [HOURS=24]
	@./rendio insights $(NAME) $(if $(ID),--id $(ID)) $(if $(STACK),--stack $(STACK)) $(if $(HOURS),--hours $(HOURS))

query: ## make query NAME=job ID=… STACK=prod [PARAM=hours=48]; make query names all
	@./rendio query $(NAME) $(if $(ID),--id $(ID)) $(if $(PARAM),--param $(PARAM)) $(if $(STACK),--stack $(STACK)) $(ARGS)

subscriptions: ## make subscriptions STACK=prod
	@./rendio subscriptions $(if $(STACK),--stack $(STACK)) $(ARGS)

switch: ## make switch NAME=stop-submits BECAUSE="…" STACK=prod [BACK=1] [USER_ID=…] [DRY_RUN=1]
	@./rendio switch $(NAME) $(if $(BECAUSE),--because "$(BECAUSE)") $(if $(BACK),--back) $(if $(USER_ID),--user $(USER_ID)) $(if $(DRY_RUN),--dry-run) $(if $(STACK),--stack $(STACK))

redrive: ## make redrive STACK=prod RATE=60 [DRY_RUN=1]
	@./rendio redrive $(if $(RATE),--rate $(RATE)) $(if $(DRY_RUN),--dry-run) $(if $(STACK),--stack $(STACK))

restore: ## make restore STACK=prod USER_ID=… [DAYS=7] [DRY_RUN=1], or VIDEO=…
	@./rendio restore $(if $(VIDEO),--video $(VIDEO)) $(if $(USER_ID),--user $(USER_ID)) $(if $(DAYS),--days $(DAYS)) $(if $(DRY_RUN),--dry-run) $(if $(STACK),--stack $(STACK))

backfill: ## make backfill STACK=prod RATE=60 [DRY_RUN=1] [FAILED=1]
	@./rendio backfill $(if $(STACK),--stack $(STACK)) $(if $(RATE),--rate $(RATE)) $(if $(DRY_RUN),--dry-run) $(if $(FAILED),--failed)

matrix: ## make matrix [STACK=dev] [AWS=1]
	@./rendio matrix $(if $(STACK),--stack $(STACK)) $(if $(AWS),--aws) $(ARGS)

review: ## make review [BASE=main]
	@./rendio review $(if $(BASE),--base $(BASE)) $(ARGS)
