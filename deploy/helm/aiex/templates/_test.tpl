{{/* Parts of the pods of `helm test`. */}}

{{- define "aiex.test.metadata" -}}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "aiex.labels" (dict "root" . "component" "test") | nindent 2 }}
  {{- with include "aiex.mesh.labels" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
annotations:
  helm.sh/hook: test
  # One that failed stays for `kubectl logs` until the next run.
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
  helm.sh/hook-output-log-policy: hook-succeeded,hook-failed
  {{- with include "aiex.mesh.annotations" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* It is tried again until it is answered or time is up: right after an install nodes are still coming. */}}
{{- define "aiex.test.spec" -}}
restartPolicy: OnFailure
activeDeadlineSeconds: {{ .Values.test.deadlineSeconds }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "aiex.test.container" -}}
image: {{ include "aiex.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .root.Values.securityContext | nindent 2 }}
resources:
  requests:
    cpu: 50m
    memory: 128Mi
    ephemeral-storage: 16Mi
  limits:
    cpu: "1"
    memory: 256Mi
    ephemeral-storage: 64Mi
volumeMounts:
  - name: secrets
    mountPath: /etc/aiex/secrets
    readOnly: true
  {{- if .tls.existingSecret }}
  - name: tls
    mountPath: /etc/aiex/tls
    readOnly: true
  {{- end }}
{{- end -}}

{{- define "aiex.test.volumes" -}}
- name: secrets
  secret:
    secretName: {{ include "aiex.secrets.name" .root }}
    defaultMode: 0440
    items:
      - key: {{ .key }}
        path: {{ .key }}
{{- with .tls.existingSecret }}
- name: tls
  secret:
    secretName: {{ . }}
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- end -}}

{{- define "aiex.test.apiUrl" -}}
{{- include "aiex.api.portName" . }}://{{ include "aiex.fullname" . }}:{{ .Values.api.service.port }}
{{- end -}}

{{- define "aiex.test.adminUrl" -}}
{{- ternary "https" "http" (not (empty .Values.admin.tls.existingSecret)) }}://{{ include "aiex.fullname" . }}-admin:{{ .Values.admin.service.port }}
{{- end -}}
