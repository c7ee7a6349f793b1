{{/* The Secret with what nodes prove themselves with and ask of others: admin token, API key, engine's user. */}}

{{- define "aiex.secrets.name" -}}
{{- default (printf "%s-secrets" (include "aiex.fullname" .)) .Values.secrets.existingSecret -}}
{{- end -}}

{{/* Environment of a node: where the files with its secrets are. */}}
{{- define "aiex.secrets.env" -}}
- name: AIEX_ADMIN__TOKEN_FILE
  value: /etc/aiex/secrets/admin-token
- name: AIEX_API__KEY_FILE
  value: /etc/aiex/secrets/api-key
- name: AIEX_ENGINE__USER_FILE
  value: /etc/aiex/secrets/engine-user
- name: AIEX_ENGINE__PASSWORD_FILE
  value: /etc/aiex/secrets/engine-password
{{- end -}}

{{- define "aiex.secrets.volumes" -}}
- name: secrets
  secret:
    secretName: {{ include "aiex.secrets.name" . }}
    defaultMode: 0440
{{- end -}}

{{- define "aiex.secrets.volumeMounts" -}}
- name: secrets
  mountPath: /etc/aiex/secrets
  readOnly: true
{{- end -}}

{{/* Settings from existing Secrets: a secret is named to the node as a file, a setting that is a file is that file. */}}
{{- define "aiex.secretSettings.env" -}}
{{- range .Values.secretSettings }}
- name: AIEX_{{ .setting | upper | replace "." "__" | replace "-" "_" }}{{ ternary "" "_FILE" (hasSuffix "_file" .setting) }}
  value: /etc/aiex/settings/{{ .setting }}
{{- end }}
{{- end -}}
