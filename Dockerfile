# The whole project in one image, from the versions that were tested: docker build -t rugpt . && docker run -v "$PWD/runs:/rugpt/runs" rugpt
FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /rugpt
COPY pyproject.toml constraints.txt LICENSE README.md ./
COPY rugpt_core rugpt_core
RUN python -m pip install --no-cache-dir -c constraints.txt -e ".[analysis]"
COPY . .
ENTRYPOINT ["python", "-m", "rugpt_core"]
CMD ["run", "--preset", "demo"]
