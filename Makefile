# Everything is in course.py; this only calls it. Without make: python course.py help
PYTHON ?= $(firstword $(shell command -v python3) $(shell command -v python))
COMMANDS = lab reset own test lint portable soak handout notebooks edit results lock help

.DEFAULT_GOAL := help
.PHONY: $(COMMANDS)
$(COMMANDS):
	@test -n "$(PYTHON)" || { echo "There is no Python here. Install Python 3.12: https://www.python.org/downloads/"; exit 1; }
	@$(PYTHON) course.py $@ $(LESSON) $(NAME) $(ARGS)
