{{/* Values that contradict each other, all told at once. What one value alone may be is in values.schema.json. */}}

{{- define "aiex.refusals" -}}
{{- $problems := concat
  (include "aiex.refusals.scaling" . | fromYamlArray)
  (include "aiex.refusals.monitoring" . | fromYamlArray)
  (include "aiex.refusals.pod" . | fromYamlArray)
  (include "aiex.refusals.engine" . | fromYamlArray)
  (include "aiex.refusals.secretSettings" . | fromYamlArray) -}}
{{- if $problems -}}
{{- fail (printf "\n%s\n" (join "\n" $problems)) -}}
{{- end -}}
{{- end -}}

{{- define "aiex.refusals.scaling" -}}
{{- $problems := list -}}
{{- with .Values.autoscaling -}}
{{- if .enabled -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- $problems = append $problems (printf "autoscaling.minReplicas (%d) is more than autoscaling.maxReplicas (%d). Swap them." (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- if not (or .cpu.enabled .memory.enabled .inFlight.enabled) -}}
{{- $problems = append $problems "autoscaling is on and follows nothing. Turn on autoscaling.cpu, .memory or .inFlight." -}}
{{- end -}}
{{- if and (eq .provider "keda") .inFlight.enabled (not .keda.prometheusUrl) -}}
{{- $problems = append $problems "autoscaling.inFlight with KEDA needs a Prometheus. Name it in autoscaling.keda.prometheusUrl." -}}
{{- end -}}
{{- if and (eq .provider "hpa") .keda.prometheusUrl -}}
{{- $problems = append $problems "autoscaling.provider is hpa and autoscaling.keda.prometheusUrl is set: an HPA and KEDA at one Deployment would fight over it. Choose one." -}}
{{- end -}}
{{- end -}}
{{- if and .enabled (eq .provider "keda") $.Values.monitoring.prometheusAdapter.enabled -}}
{{- $problems = append $problems "KEDA asks Prometheus itself; monitoring.prometheusAdapter is for an HPA. Turn it off, or set autoscaling.provider to hpa." -}}
{{- end -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}

{{- define "aiex.refusals.monitoring" -}}
{{- $problems := list -}}
{{- if and .Values.monitoring.serviceMonitor.enabled .Values.monitoring.podMonitor.enabled -}}
{{- $problems = append $problems "monitoring.serviceMonitor and monitoring.podMonitor would scrape every node twice. Choose one." -}}
{{- end -}}
{{- if and .Values.monitoring.prometheusRule.enabled (not (include "aiex.rules" . | fromYamlArray)) -}}
{{- $problems = append $problems "monitoring.prometheusRule is on and there are no rules. Give some in monitoring.prometheusRule.groups." -}}
{{- end -}}
{{- if and .Values.monitoring.dashboards.enabled (not (include "aiex.dashboards" . | fromYaml)) -}}
{{- $problems = append $problems "monitoring.dashboards is on and there are no dashboards. Give some in monitoring.dashboards.files." -}}
{{- end -}}
{{- if and .Values.api.httpRoute.enabled (not .Values.api.httpRoute.parentRefs) -}}
{{- $problems = append $problems "api.httpRoute is on and belongs to no Gateway. Name one in api.httpRoute.parentRefs." -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}

{{- define "aiex.refusals.pod" -}}
{{- $problems := list -}}
{{- range $label, $_ := include "aiex.labels" (dict "root" . "component" "node") | fromYaml -}}
{{- if hasKey $.Values.podLabels $label -}}
{{- $problems = append $problems (printf "podLabels has %s, which is the chart's own. Take it out." $label) -}}
{{- end -}}
{{- end -}}
{{- if hasKey .Values.podAnnotations "checksum/config" -}}
{{- $problems = append $problems "podAnnotations has checksum/config, which is the chart's own. Take it out." -}}
{{- end -}}
{{- if and .Values.mesh.istio.enabled .Values.mesh.linkerd.enabled -}}
{{- $problems = append $problems "mesh.istio and mesh.linkerd are both on, and a pod is in one mesh. Choose one." -}}
{{- end -}}
{{- $elsewhere := include "aiex.settings.elsewhere" . | fromYaml -}}
{{- range .Values.extraEnv -}}
{{- $setting := include "aiex.settingOfVariable" .name -}}
{{- if hasKey $elsewhere $setting -}}
{{- $problems = append $problems (printf "extraEnv has %s: the setting %s %s. Take it out." .name $setting (get $elsewhere $setting)) -}}
{{- else if has .name (list "AIEX_CONFIG" "AIEX_API_KEY" "AIEX_API_KEY_FILE" "AIEX_URL" "AIEX_ADMIN_URL" "AIEX_CA_FILE" "HOME" "TMPDIR") -}}
{{- $problems = append $problems (printf "extraEnv has %s, which the chart sets itself. Take it out." .name) -}}
{{- end -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}

{{/* `AIEX_API__KEY_FILE` is api.key; settings that are files keep their `_file`. */}}
{{- define "aiex.settingOfVariable" -}}
{{- $setting := . | lower | trimPrefix "aiex_" | replace "__" "." -}}
{{- if regexMatch "[._](tls_certificate|tls_key|tls_ca|ca)_file$" $setting -}}{{- $setting -}}{{- else -}}{{- $setting | trimSuffix "_file" -}}{{- end -}}
{{- end -}}

{{- define "aiex.refusals.secretSettings" -}}
{{- $problems := list -}}
{{- $elsewhere := include "aiex.settings.elsewhere" . | fromYaml -}}
{{- $seen := list -}}
{{- $providers := default dict .Values.settings.providers -}}
{{- range .Values.secretSettings -}}
{{- $parts := splitList "." .setting -}}
{{- $is := printf "secretSettings has %s" .setting -}}
{{- if has .setting $seen -}}
{{- $problems = append $problems (printf "%s twice. Keep one." $is) -}}
{{- end -}}
{{- $seen = append $seen .setting -}}
{{- if hasKey $elsewhere .setting -}}
{{- $problems = append $problems (printf "%s, which %s. Take it out." $is (get $elsewhere .setting)) -}}
{{- end -}}
{{- if eq (first $parts) "providers" -}}
{{- $name := index $parts 1 -}}
{{- $folded := $name | lower | replace "-" "_" -}}
{{- $alike := list -}}
{{- range $other, $_ := $providers -}}
{{- if eq ($other | lower | replace "-" "_") $folded -}}{{- $alike = append $alike $other -}}{{- end -}}
{{- end -}}
{{- if ne (len $parts) 3 -}}
{{- $problems = append $problems (printf "%s: a variable cannot name a provider with a dot, nor a setting without one. Write providers.NAME.api_key." $is) -}}
{{- else if not (hasKey $providers $name) -}}
{{- $problems = append $problems (printf "%s, and there is no settings.providers.%s. Add it, or mend the name." $is $name) -}}
{{- else if gt (len $alike) 1 -}}
{{- $problems = append $problems (printf "%s, and providers %s are one name to a variable, which knows neither capitals nor dashes. Rename one." $is (join " and " $alike)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}
