# Both images for both machines: docker buildx bake -f deploy/docker/docker-bake.hcl
#
# Run at the root of the source. Each variable is set by the environment variable of its name.

variable "BASE" {
  default = "python:3.13-slim"
}

# The local model needs libgomp, which slim images lack; of either base only what is used is shipped.
variable "LOCAL_BASE" {
  default = "python:3.13"
}

variable "REGISTRY" {
  default = ""
}

variable "VERSION" {
  default = "0.0.0"
}

variable "REVISION" {
  default = "unknown"
}

variable "CREATED" {
  default = "1970-01-01T00:00:00Z"
}

group "default" {
  targets = ["aiex", "aiex-local"]
}

target "_image" {
  context    = "."
  dockerfile = "deploy/docker/Dockerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
  args = {
    BASE     = BASE
    VERSION  = VERSION
    REVISION = REVISION
    CREATED  = CREATED
  }
}

target "aiex" {
  inherits = ["_image"]
  target   = "aiex"
  tags     = ["${REGISTRY}aiex:${VERSION}"]
}

target "aiex-local" {
  inherits = ["_image"]
  target   = "aiex-local"
  args     = { BASE = LOCAL_BASE }
  tags     = ["${REGISTRY}aiex-local:${VERSION}"]
}
