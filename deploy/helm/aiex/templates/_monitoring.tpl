{{/* How `/metrics` is scraped; call with (dict "root" $ "monitor" its values). */}}
{{- define "aiex.scrape" -}}
path: /metrics
interval: {{ .monitor.interval }}
scrapeTimeout: {{ .monitor.scrapeTimeout }}
{{- if not (dig "admin" "metrics_open" false .root.Values.settings) }}
authorization:
  type: Bearer
  credentials:
    name: {{ include "aiex.secrets.name" .root }}
    key: admin-token
{{- end }}
{{- with .root.Values.admin.tls.existingSecret }}
scheme: https
tlsConfig:
  serverName: {{ include "aiex.fullname" $.root }}-admin
  ca:
    secret:
      name: {{ . }}
      key: ca.crt
{{- end }}
{{- end -}}

{{/* Groups of rules, those of `rules/` in the chart and those of the values, as a YAML list. */}}
{{- define "aiex.rules" -}}
{{- $groups := list -}}
{{- range $path, $_ := .Files.Glob "rules/*.yaml" -}}
{{- $groups = concat $groups ($.Files.Get $path | fromYaml).groups -}}
{{- end -}}
{{- toYaml (concat $groups .Values.monitoring.prometheusRule.groups) -}}
{{- end -}}

{{/* Dashboards, those of `dashboards/` in the chart and those of the values: file name to text, as a YAML map. */}}
{{- define "aiex.dashboards" -}}
{{- $files := dict -}}
{{- range $path, $_ := .Files.Glob "dashboards/*.json" -}}
{{- $_ := set $files (base $path) ($.Files.Get $path) -}}
{{- end -}}
{{- toYaml (mustMergeOverwrite $files .Values.monitoring.dashboards.files) -}}
{{- end -}}
