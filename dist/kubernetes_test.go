package dist

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// manifests are the objects of some files, by what they are.
type manifests struct {
	namespaces map[string]core.Namespace
	accounts   map[string]core.ServiceAccount
	configs    map[string]core.ConfigMap
	services   map[string]core.Service
	daemons    map[string]apps.DaemonSet
	stateful   map[string]apps.StatefulSet
}

func newManifests() *manifests {
	return &manifests{
		make(map[string]core.Namespace), make(map[string]core.ServiceAccount), make(map[string]core.ConfigMap),
		make(map[string]core.Service), make(map[string]apps.DaemonSet), make(map[string]apps.StatefulSet),
	}
}

// add reads the objects of a file into the types of Kubernetes: what these do not know is
// an error, and so is a key that is there twice.
func (m *manifests) add(text []byte) error {
	for i, document := range bytes.Split(text, []byte("\n---\n")) {
		var of struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		err := yaml.Unmarshal(document, &of)
		if err == nil {
			err = m.addObject(of.APIVersion+" "+of.Kind, document)
		}
		if err != nil {
			return fmt.Errorf("object %d: %w", i+1, err)
		}
	}
	return nil
}

func (m *manifests) addObject(kind string, document []byte) error {
	switch kind {
	case "v1 Namespace":
		return put(m.namespaces, document, func(o core.Namespace) string { return o.Name })
	case "v1 ServiceAccount":
		return put(m.accounts, document, func(o core.ServiceAccount) string { return o.Namespace + "/" + o.Name })
	case "v1 ConfigMap":
		return put(m.configs, document, func(o core.ConfigMap) string { return o.Namespace + "/" + o.Name })
	case "v1 Service":
		return put(m.services, document, func(o core.Service) string { return o.Namespace + "/" + o.Name })
	case "apps/v1 DaemonSet":
		return put(m.daemons, document, func(o apps.DaemonSet) string { return o.Namespace + "/" + o.Name })
	case "apps/v1 StatefulSet":
		return put(m.stateful, document, func(o apps.StatefulSet) string { return o.Namespace + "/" + o.Name })
	}
	return fmt.Errorf("%s: no kind that is expected here", kind)
}

func put[T any](into map[string]T, document []byte, name func(T) string) error {
	var o T
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return err
	}
	wrong, err := json.UnmarshalStrict(text, &o)
	if err := errors.Join(append(wrong, err)...); err != nil {
		return err
	}
	if _, twice := into[name(o)]; twice || strings.Trim(name(o), "/") == "" {
		return fmt.Errorf("name %q: it is taken, or none", name(o))
	}
	into[name(o)] = o
	return nil
}

func readManifests(t *testing.T) *manifests {
	t.Helper()
	m := newManifests()
	for _, name := range []string{"daemonset.yaml", "receiver.yaml"} {
		text, err := os.ReadFile(filepath.Join("kubernetes", name))
		if err == nil {
			err = m.add(text)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return m
}

// TestDaemonSet: a pod on every node has what bwmon needs to count there, and no more.
func TestDaemonSet(t *testing.T) {
	m := readManifests(t)
	d, ok := m.daemons["bwmon/bwmon-host"]
	if !ok || len(m.daemons) != 1 {
		t.Fatalf("daemon sets: %v", m.daemons)
	}
	pod := &d.Spec.Template
	m.checkPod(t, pod, nil, d.Namespace, d.Spec.Selector.MatchLabels)
	if !pod.Spec.HostNetwork || !pod.Spec.HostPID || pod.Spec.HostIPC || len(pod.Spec.Tolerations) != 1 || pod.Spec.Tolerations[0].Operator != core.TolerationOpExists {
		t.Errorf("pod: %+v", pod.Spec)
	}
	s := pod.Spec.Containers[0].SecurityContext
	want := core.Capabilities{Drop: []core.Capability{"ALL"}, Add: []core.Capability{"NET_ADMIN", "BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"}}
	if diff := cmp.Diff(want, *s.Capabilities); diff != "" || *s.Privileged {
		t.Errorf("capabilities (-want +got):\n%s", diff)
	}
	unit, err := os.ReadFile("systemd/bwmon.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Capabilities.Add { // what is new there belongs here, or is left out for a reason
		if !strings.Contains(string(unit), "CAP_"+string(c)) {
			t.Errorf("the unit for systemd has no %s", c)
		}
	}
	paths := make(map[string]string)
	for _, v := range pod.Spec.Volumes {
		if v.HostPath != nil {
			paths[v.Name] = v.HostPath.Path
		}
	}
	if diff := cmp.Diff(map[string]string{"state": "/var/lib/bwmon", "cgroup": "/sys/fs/cgroup", "passwd": "/etc/passwd"}, paths); diff != "" {
		t.Errorf("paths of the node (-want +got):\n%s", diff)
	}
	if !slices.Contains(pod.Spec.Containers[0].Args, "--this-host=$(NODE_NAME)") {
		t.Errorf("arguments: %v", pod.Spec.Containers[0].Args)
	}
	url := regexp.MustCompile(`url = "https://([^.]+)\.([^.]+)\.svc:(\d+)"`).FindStringSubmatch(m.configs["bwmon/bwmon-host"].Data["bwmon.toml"])
	if url == nil {
		t.Fatal("it publishes to no service")
	}
	to := m.services[url[2]+"/"+url[1]]
	if !slices.ContainsFunc(to.Spec.Ports, func(p core.ServicePort) bool { return fmt.Sprint(p.Port) == url[3] }) {
		t.Errorf("it publishes to %s: there is %+v", url[0], to.Spec)
	}
}

// TestReceiverManifest: it runs as nobody in particular, behind a service.
func TestReceiverManifest(t *testing.T) {
	m := readManifests(t)
	r, ok := m.stateful["bwmon/bwmon-receiver"]
	if !ok || len(m.stateful) != 1 {
		t.Fatalf("stateful sets: %v", m.stateful)
	}
	pod := &r.Spec.Template
	m.checkPod(t, pod, r.Spec.VolumeClaimTemplates, r.Namespace, r.Spec.Selector.MatchLabels)
	s, own := pod.Spec.SecurityContext, pod.Spec.Containers[0].SecurityContext
	if !*s.RunAsNonRoot || *s.RunAsUser == 0 || *s.FSGroup == 0 || own.Capabilities.Add != nil || *own.AllowPrivilegeEscalation || pod.Spec.HostNetwork {
		t.Errorf("security: %+v, %+v", s, own)
	}
	service := m.services["bwmon/"+r.Spec.ServiceName]
	if diff := cmp.Diff(pod.Labels, service.Spec.Selector); diff != "" {
		t.Errorf("the service selects others (-pod +service):\n%s", diff)
	}
	for _, p := range service.Spec.Ports {
		if portOf(pod, p.TargetPort) != p.Port {
			t.Errorf("port %s leads to %s of %+v", p.Name, p.TargetPort.String(), pod.Spec.Containers[0].Ports)
		}
	}
	config := m.configs["bwmon/bwmon-receiver"].Data["bwmon.toml"]
	for _, p := range pod.Spec.Containers[0].Ports {
		if !strings.Contains(config, fmt.Sprintf(`listen = "0.0.0.0:%d"`, p.ContainerPort)) {
			t.Errorf("nobody listens at %d", p.ContainerPort)
		}
	}
}

func TestManifestProblems(t *testing.T) {
	good := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
	if err := newManifests().add([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "a: b", "apiVersion: v1\nkind: Pot\n", "apiVersion: v1\nkind: ConfigMap\n",
		good + "dta: {}\n", good + "data: {a: {}}\n", good + "data: {a: b, a: c}\n", good + "\n---\n" + good, good + " x\n",
		"apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {template: {spec: {hostPid: true}}}\n",
		"apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{resources: {limits: {memory: much}}}]}}}\n",
	} {
		if err := newManifests().add([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
