{{/* The Secret with what nodes prove themselves with and ask of others: admin token, API key, engine's user. */}}

{{- define "aiex.secrets.name" -}}
{{- default (printf "%s-secrets" (include "aiex.fullname" .)) .Values.secrets.existingSecret -}}
{{- end -}}

{{/* Whether nodes log in at their engine with a password; one outside may want none, or only a certificate. */}}
{{- define "aiex.secrets.hasEngineLogin" -}}
{{- if or .Values.nats.enabled .Values.engine.external.existingSecret -}}true{{- end -}}
{{- end -}}

{{/* Environment of a node: where the files with its secrets are. */}}
{{- define "aiex.secrets.env" -}}
- name: AIEX_ADMIN__TOKEN_FILE
  value: /etc/aiex/secrets/admin-token
- name: AIEX_API__KEY_FILE
  value: /etc/aiex/secrets/api-key
{{- if include "aiex.secrets.hasEngineLogin" . }}
- name: AIEX_ENGINE__USER_FILE
  value: /etc/aiex/secrets/engine-user
- name: AIEX_ENGINE__PASSWORD_FILE
  value: /etc/aiex/secrets/engine-password
{{- end }}
{{- end -}}

{{- define "aiex.secrets.volumes" -}}
- name: secrets
  {{- if and (not .Values.nats.enabled) .Values.engine.external.existingSecret }}
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ include "aiex.secrets.name" . }}
          items:
            - key: admin-token
              path: admin-token
            - key: api-key
              path: api-key
      - secret:
          name: {{ .Values.engine.external.existingSecret }}
          items:
            - key: engine-user
              path: engine-user
            - key: engine-password
              path: engine-password
  {{- else }}
  secret:
    secretName: {{ include "aiex.secrets.name" . }}
    defaultMode: 0440
  {{- end }}
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

{{/*
What the Job makes, as arguments of `aiex k8s secrets`; empty where every Secret is somebody else's. Routes and the
system account have a Secret of their own, which no node can read.
*/}}
{{- define "aiex.secrets.arguments" -}}
{{- if not .Values.secrets.existingSecret }}
- --nodes
{{- if .Values.nats.enabled }}
- --engine-login
{{- end }}
{{- end }}
{{- if and .Values.nats.enabled (not .Values.nats.auth.existingSecret) }}
- --nats
{{- end }}
{{- if include "aiex.secrets.makesTls" . }}
- --nats-tls
{{- range include "aiex.nats.dnsNames" . | fromYamlArray }}
- --dns-name={{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "aiex.secrets.makesTls" -}}
{{- $tls := .Values.nats.tls -}}
{{- if and .Values.nats.enabled $tls.enabled (not $tls.existingSecret) (not $tls.certManager.enabled) -}}true{{- end -}}
{{- end -}}

{{/* Names of the Secrets that the Job may touch, as a YAML list. */}}
{{- define "aiex.secrets.made" -}}
{{- $fullname := include "aiex.fullname" . }}
- {{ $fullname }}-secrets
- {{ $fullname }}-nats-auth
- {{ $fullname }}-nats-ca
- {{ $fullname }}-nats-tls
{{- end -}}

{{/* Metadata of a hook; call with (dict "root" $ "suffix" "secrets" "hook" "pre-install,pre-upgrade" "weight" "-5"). */}}
{{- define "aiex.secrets.hook" -}}
name: {{ include "aiex.fullname" .root }}-{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "aiex.labels" (dict "root" .root "component" "secrets") | nindent 2 }}
annotations:
  helm.sh/hook: {{ .hook }}
  helm.sh/hook-weight: {{ .weight | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* Account, rights, way to the API server and Job of one errand; call with what `aiex.secrets.hook` takes, and
"verbs" (of the named Secrets), "creates", "arguments". */}}
{{- define "aiex.secrets.errand" -}}
{{- $root := .root -}}
{{- $name := printf "%s-%s" (include "aiex.fullname" .root) .suffix -}}
{{- $job := .root.Values.secrets.job -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "aiex.secrets.hook" (merge (dict "weight" "-10") .) | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "aiex.secrets.hook" (merge (dict "weight" "-10") .) | nindent 2 }}
rules:
  - apiGroups: [""]
    resources: [secrets]
    resourceNames:
      {{- include "aiex.secrets.made" .root | nindent 6 }}
    verbs: {{ .verbs | toJson }}
  {{- if .creates }}
  # Kubernetes cannot bind `create` to a name, since what is not there yet has none: this one right is for all Secrets
  # of the namespace. It changes none and reads none.
  - apiGroups: [""]
    resources: [secrets]
    verbs: ["create"]
  {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "aiex.secrets.hook" (merge (dict "weight" "-10") .) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $name }}
    namespace: {{ .root.Release.Namespace }}
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "aiex.secrets.hook" (merge (dict "weight" "-10") .) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "aiex.selectorLabels" (dict "root" .root "component" "secrets") | nindent 6 }}
  policyTypes: [Ingress, Egress]
  egress:
    {{- include "aiex.networkPolicy.dns" .root | nindent 4 }}
    - ports:
        {{- range $job.apiServer.ports }}
        - port: {{ . }}
          protocol: TCP
        {{- end }}
      {{- with $job.apiServer.to }}
      to:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
---
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "aiex.secrets.hook" (merge (dict "weight" "-5") .) | nindent 2 }}
spec:
  # Helm removes one that succeeded; one that failed may be looked at for a day.
  ttlSecondsAfterFinished: 86400
  backoffLimit: {{ $job.backoffLimit }}
  activeDeadlineSeconds: {{ $job.deadlineSeconds }}
  template:
    metadata:
      labels:
        {{- include "aiex.labels" (dict "root" .root "component" "secrets") | nindent 8 }}
        {{- with include "aiex.mesh.off.labels" .root | trim }}
        {{- . | nindent 8 }}
        {{- end }}
      {{- with include "aiex.mesh.off.annotations" .root | trim }}
      annotations:
        {{- . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ $name }}
      # It is mounted below, to hold for minutes and not for as long as the account is there.
      automountServiceAccountToken: false
      enableServiceLinks: false
      restartPolicy: Never
      {{- with .root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      securityContext:
        {{- toYaml .root.Values.podSecurityContext | nindent 8 }}
      {{- with .root.Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .root.Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: secrets
          image: {{ include "aiex.image" .root }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args:
            {{- .arguments | trim | nindent 12 }}
          env:
            - name: HOME
              value: /tmp
          securityContext:
            {{- toYaml .root.Values.securityContext | nindent 12 }}
          resources:
            {{- toYaml $job.resources | nindent 12 }}
          volumeMounts:
            - name: kubernetes-api
              mountPath: /var/run/secrets/kubernetes.io/serviceaccount
              readOnly: true
      volumes:
        - name: kubernetes-api
          projected:
            defaultMode: 0440
            sources:
              - serviceAccountToken:
                  path: token
                  expirationSeconds: 600
              - configMap:
                  name: kube-root-ca.crt
                  items:
                    - key: ca.crt
                      path: ca.crt
              - downwardAPI:
                  items:
                    - path: namespace
                      fieldRef:
                        fieldPath: metadata.namespace
{{- end -}}
