{{/* Parts of a node's pod. */}}

{{/*
SIGTERM's whole way: the mesh's pause, the propagation delay, the drain, and 15 seconds in which what is left is cut
off and services stop. Shorter, and the kubelet would kill a node that keeps its promise.
*/}}
{{- define "aiex.graceSeconds" -}}
{{- add .Values.mesh.preStopSleepSeconds .Values.drain.propagationDelaySeconds .Values.drain.deadlineSeconds 15 -}}
{{- end -}}

{{- define "aiex.node.env" -}}
- name: AIEX_NODE__NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
# Kubernetes puts the machine's zone onto pods from 1.35 on; before that it is empty, which is a node without a zone.
- name: AIEX_NODE__ZONE
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['topology.kubernetes.io/zone']
# Not in aiex.toml, so that commands run in the pod find the node too.
- name: AIEX_NODE__DATA_DIR
  value: /var/lib/aiex
# For commands run in the pod.
- name: AIEX_API_KEY_FILE
  value: /etc/aiex/secrets/api-key
{{- if .Values.api.tls.existingSecret }}
- name: AIEX_URL
  value: https://127.0.0.1:8080
{{- end }}
{{- if .Values.admin.tls.existingSecret }}
- name: AIEX_ADMIN_URL
  value: https://127.0.0.1:8081
{{- end }}
{{- if or .Values.admin.tls.existingSecret .Values.api.tls.existingSecret }}
- name: AIEX_CA_FILE
  value: /etc/aiex/{{ ternary "admin" "api" (not (empty .Values.admin.tls.existingSecret)) }}-tls/ca.crt
{{- end }}
- name: HOME
  value: /tmp
- name: TMPDIR
  value: /tmp
{{ include "aiex.secrets.env" . }}
{{- include "aiex.secretSettings.env" . }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
Three questions. Startup: has the loop begun to turn? Until then the others are not asked. Liveness: does it still
turn? Green while draining and without an engine, since a new start mends neither. Readiness: does it take requests?
*/}}
{{- define "aiex.node.probes" -}}
startupProbe:
  httpGet:
    path: /livez
    port: admin
    scheme: {{ ternary "HTTPS" "HTTP" (not (empty .Values.admin.tls.existingSecret)) }}
  {{- toYaml .Values.probes.startup | nindent 2 }}
livenessProbe:
  httpGet:
    path: /livez
    port: admin
    scheme: {{ ternary "HTTPS" "HTTP" (not (empty .Values.admin.tls.existingSecret)) }}
  {{- toYaml .Values.probes.liveness | nindent 2 }}
readinessProbe:
  httpGet:
    path: /readyz
    port: api
    scheme: {{ ternary "HTTPS" "HTTP" (not (empty .Values.api.tls.existingSecret)) }}
  {{- toYaml .Values.probes.readiness | nindent 2 }}
{{- end -}}

{{- define "aiex.node.volumes" -}}
- name: config
  configMap:
    name: {{ include "aiex.fullname" . }}
- name: data
  emptyDir:
    sizeLimit: {{ .Values.volumes.dataSize }}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.volumes.tmpSize }}
{{ include "aiex.secrets.volumes" . }}
{{- with include "aiex.engine.volumes" . }}
{{ . }}
{{- end }}
{{- with .Values.secretSettings }}
- name: settings
  projected:
    defaultMode: 0440
    sources:
      {{- range . }}
      - secret:
          name: {{ .secret }}
          items:
            - key: {{ .key }}
              path: {{ .setting }}
      {{- end }}
{{- end }}
{{- range $listener := list "api" "admin" }}
{{- with (get $.Values $listener).tls.existingSecret }}
- name: {{ $listener }}-tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "aiex.node.volumeMounts" -}}
- name: config
  mountPath: /etc/aiex/aiex.toml
  subPath: aiex.toml
  readOnly: true
- name: data
  mountPath: /var/lib/aiex
- name: tmp
  mountPath: /tmp
{{ include "aiex.secrets.volumeMounts" . }}
{{- with include "aiex.engine.volumeMounts" . }}
{{ . }}
{{- end }}
{{- if .Values.secretSettings }}
- name: settings
  mountPath: /etc/aiex/settings
  readOnly: true
{{- end }}
{{- range $listener := list "api" "admin" }}
{{- if (get $.Values $listener).tls.existingSecret }}
- name: {{ $listener }}-tls
  mountPath: /etc/aiex/{{ $listener }}-tls
  readOnly: true
{{- end }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* One node a machine and as many in each zone, as far as that goes; by generation, or an update would upset it. */}}
{{- define "aiex.node.topologySpread" -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: {{ $.Values.topologySpread.whenUnsatisfiable }}
  labelSelector:
    matchLabels:
      {{- include "aiex.selectorLabels" (dict "root" $ "component" "node") | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end -}}
