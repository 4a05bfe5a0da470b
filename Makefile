# Everything is in course.py; this only calls it. Without make: python course.py help
PYTHON ?= $(firstword $(shell command -v python3) $(shell command -v python))
COMMANDS = lab reset own handout assignment dashboard check test test-more portable book lint notebooks edit results soak lock help
SETTINGS = PYTHON LESSON LAB NAME SEEDS ARGS

given := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
unknown := $(filter-out $(SETTINGS),$(given))
$(if $(unknown),$(error There is no setting $(unknown). There are: $(SETTINGS)))

.DEFAULT_GOAL := help
.PHONY: $(COMMANDS)
$(COMMANDS):
	@test -n "$(PYTHON)" || { echo "There is no Python here. Install Python 3.12: https://www.python.org/downloads/"; exit 1; }
	@$(PYTHON) course.py $@ $(LESSON) $(LAB) $(NAME) $(if $(SEEDS),--seeds $(SEEDS)) $(ARGS)
