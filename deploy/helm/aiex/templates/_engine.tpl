{{/* How a node reaches its engine: NATS of this release, or an external one. */}}

{{- define "aiex.engine.url" -}}
{{- if .Values.nats.enabled -}}
{{- ternary "tls" "nats" .Values.nats.tls.enabled }}://{{ include "aiex.fullname" . }}-nats:4222
{{- else -}}
{{- .Values.engine.external.url -}}
{{- end -}}
{{- end -}}

{{/* The section `engine` of the settings, as YAML. */}}
{{- define "aiex.engine.settings" -}}
url: {{ include "aiex.engine.url" . | quote }}
{{- end -}}

{{/* Volumes of a node for it, as a YAML list; may be empty. */}}
{{- define "aiex.engine.volumes" -}}
{{- end -}}

{{- define "aiex.engine.volumeMounts" -}}
{{- end -}}

{{/* Rules of a NetworkPolicy's egress by which nodes reach it, as a YAML list. */}}
{{- define "aiex.engine.egress" -}}
{{- if .Values.nats.enabled }}
- to:
    - podSelector:
        matchLabels:
          {{- include "aiex.selectorLabels" (dict "root" . "component" "nats") | nindent 10 }}
  ports:
    - port: 4222
      protocol: TCP
{{- end }}
{{- end -}}
