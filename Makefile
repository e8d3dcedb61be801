lock:
	.venv/bin/uv pip compile pyproject.toml -o requirements/runtime.txt --generate-hashes --universal --python-version 3.11 --no-header -q
	.venv/bin/uv pip compile pyproject.toml --extra sandbox -c requirements/runtime.txt -o requirements/sandbox.txt --generate-hashes --universal --python-version 3.11 --no-header -q
	.venv/bin/uv pip compile pyproject.toml --extra sandbox --group dev -c requirements/sandbox.txt -o requirements/dev.txt --generate-hashes --universal --python-version 3.11 --no-header -q
