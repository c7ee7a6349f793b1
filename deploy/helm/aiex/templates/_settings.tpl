{{/* What aiex.toml holds: the values' `settings` and what the chart sets itself, which nobody else may set. */}}

{{/* Listeners off loopback (credentials come from the Secret), drain, engine, the mock model. */}}
{{- define "aiex.settings.own" -}}
node:
  propagation_delay_s: {{ .Values.drain.propagationDelaySeconds }}
  drain_deadline_s: {{ .Values.drain.deadlineSeconds }}
# Every address of the pod, of IPv6 and of IPv4, whichever it has.
api:
  host: "::"
  port: 8080
  {{- if .Values.api.tls.existingSecret }}
  tls_certificate_file: /etc/aiex/api-tls/tls.crt
  tls_key_file: /etc/aiex/api-tls/tls.key
  {{- end }}
admin:
  host: "::"
  port: 8081
  {{- if .Values.admin.tls.existingSecret }}
  tls_certificate_file: /etc/aiex/admin-tls/tls.crt
  tls_key_file: /etc/aiex/admin-tls/tls.key
  {{- end }}
cluster:
  discovery: none
engine:
  {{- include "aiex.engine.settings" . | nindent 2 }}
{{- if .Values.mockModel.enabled }}
providers:
  mock:
    kind: mock
models:
  mock:
    targets:
      - provider: mock
{{- end }}
{{- end -}}

{{- define "aiex.settings.toml" -}}
{{- include "aiex.settings.refusals" . -}}
{{- $own := include "aiex.settings.own" . | fromYaml -}}
{{- $tree := mustMergeOverwrite (deepCopy .Values.settings) $own -}}
{{- include "aiex.toml.table" (dict "tree" $tree "path" "") | trim -}}
{{- end -}}

{{/* Where each setting that is not for `settings` belongs; a star stands for any name. */}}
{{- define "aiex.settings.elsewhere" -}}
node.name: is the pod's name
node.zone: comes from the pod's label topology.kubernetes.io/zone, which podLabels may set where Kubernetes does not
node.data_dir: is an emptyDir of the pod
node.propagation_delay_s: is the value drain.propagationDelaySeconds
node.drain_deadline_s: is the value drain.deadlineSeconds
api.host: is set by the chart; Services and probes need it
api.port: is set by the chart; choose the Service's port in api.service.port
api.shared_port: is for several nodes of one machine; a pod has one
api.tls_certificate_file: is set by the value api.tls.existingSecret
api.tls_key_file: is set by the value api.tls.existingSecret
api.key: is a secret; it comes from the Secret of the values under secrets
admin.host: is set by the chart; Services and probes need it
admin.port: is set by the chart; choose the Service's port in admin.service.port
admin.tls_certificate_file: is set by the value admin.tls.existingSecret
admin.tls_key_file: is set by the value admin.tls.existingSecret
admin.token: is a secret; it comes from the Secret of the values under secrets
engine.url: is set by the values under nats and engine.external
engine.user: is a secret; it comes from the Secret of the values under secrets
engine.password: is a secret; it comes from the Secret of the values under secrets
engine.server_path: is for an embedded engine, which the chart does not run
engine.frozen_after_s: is for an embedded engine, which the chart does not run
engine.tls_ca_file: is set by the values under nats and engine.external
engine.tls_certificate_file: is set by the values under nats and engine.external
engine.tls_key_file: is set by the values under nats and engine.external
cluster.discovery: "is `none` here: nodes meet at their engine"
cluster.secret: "is for embedded engines: nodes meet at NATS here"
cluster.seeds: "is for embedded engines: nodes meet at NATS here"
cluster.dns_name: "is for embedded engines: nodes meet at NATS here"
cluster.carriers: "is for embedded engines: nodes meet at NATS here"
cluster.carries: "is for embedded engines: nodes meet at NATS here"
cluster.host: "is for embedded engines: nodes meet at NATS here"
cluster.route_port: "is for embedded engines: nodes meet at NATS here"
cluster.client_port: "is for embedded engines: nodes meet at NATS here"
cluster.tls_certificate_file: "is for embedded engines: nodes meet at NATS here"
cluster.tls_key_file: "is for embedded engines: nodes meet at NATS here"
cluster.tls_ca_file: "is for embedded engines: nodes meet at NATS here"
{{- end -}}

{{- define "aiex.settings.refusals" -}}
{{- $problems := list -}}
{{- $settings := .Values.settings -}}
{{- range $setting, $where := include "aiex.settings.elsewhere" . | fromYaml -}}
{{- $parts := splitList "." $setting -}}
{{- $section := get $settings (first $parts) -}}
{{- if kindIs "map" $section -}}
{{- if hasKey $section (last $parts) -}}
{{- $problems = append $problems (printf "settings.%s %s. Take it out of settings." $setting $where) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $provider := default dict $settings.providers -}}
{{- if kindIs "map" $provider -}}
{{- if hasKey $provider "api_key" -}}
{{- $problems = append $problems (printf "settings.providers.%s.api_key is a secret, and values are none. Put it into a Secret and name that in secretSettings: {setting: providers.%s.api_key, secret: …, key: …}." $name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.mockModel.enabled -}}
{{- range $section := list "providers" "models" -}}
{{- if hasKey (default dict (get $settings $section)) "mock" -}}
{{- $problems = append $problems (printf "settings.%s.mock is there and mockModel.enabled makes one too. Set mockModel.enabled to false, or choose another name." $section) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n%s\n" (join "\n" $problems)) -}}
{{- end -}}
{{- end -}}
