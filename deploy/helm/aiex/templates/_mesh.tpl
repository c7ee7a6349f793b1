{{/*
Service meshes. Their proxy is a native sidecar (an init container that stays): it is there before the node and goes
after it, so a drain keeps its network and a Job ends. NATS speaks first and does its own TLS: the proxy lets it pass.
*/}}

{{- define "aiex.mesh.annotations" -}}
{{- if .Values.mesh.istio.enabled }}
sidecar.istio.io/nativeSidecar: "true"
# Where the mesh has no native sidecars: the proxy starts first, and stays until the node has drained.
proxy.istio.io/config: {{ dict "holdApplicationUntilProxyStarts" true "terminationDrainDuration" (printf "%ss" (include "aiex.graceSeconds" .)) | toJson | squote }}
traffic.sidecar.istio.io/excludeOutboundPorts: "4222"
{{- end }}
{{- if .Values.mesh.linkerd.enabled }}
linkerd.io/inject: enabled
config.beta.linkerd.io/proxy-enable-native-sidecar: "true"
config.linkerd.io/proxy-await: enabled
config.linkerd.io/skip-outbound-ports: "4222"
{{- end }}
{{- end -}}

{{- define "aiex.mesh.labels" -}}
{{- if .Values.mesh.istio.enabled }}
sidecar.istio.io/inject: "true"
{{- end }}
{{- end -}}

{{/* For pods that have no business in a mesh: NATS, and Jobs that only talk to Kubernetes. */}}
{{- define "aiex.mesh.off.annotations" -}}
{{- if .Values.mesh.linkerd.enabled }}
linkerd.io/inject: disabled
{{- end }}
{{- end -}}

{{- define "aiex.mesh.off.labels" -}}
{{- if .Values.mesh.istio.enabled }}
sidecar.istio.io/inject: "false"
{{- end }}
{{- end -}}

{{/* What proxies ask their control plane, as rules of a NetworkPolicy's egress. */}}
{{- define "aiex.mesh.egress" -}}
{{- if .Values.mesh.istio.enabled }}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: istio-system
  ports:
    - port: 15012
      protocol: TCP
{{- end }}
{{- if .Values.mesh.linkerd.enabled }}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: linkerd
{{- end }}
{{- end -}}
