package dist

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// checkPod is what holds for each pod: what is mounted is there, the configuration is one,
// what it runs is known.
func (m *manifests) checkPod(t *testing.T, pod *core.PodTemplateSpec, claims []core.PersistentVolumeClaim, namespace string, selects map[string]string) {
	t.Helper()
	if diff := cmp.Diff(selects, pod.Labels); diff != "" {
		t.Errorf("it selects other pods (-selects +has):\n%s", diff)
	}
	if m.namespaces[namespace].Name == "" || m.accounts[namespace+"/"+pod.Spec.ServiceAccountName].Name == "" || *pod.Spec.AutomountServiceAccountToken {
		t.Errorf("namespace %q, account %q", namespace, pod.Spec.ServiceAccountName)
	}
	if len(pod.Spec.Containers) != 1 {
		t.Fatalf("%d containers", len(pod.Spec.Containers))
	}
	c := &pod.Spec.Containers[0]
	knowsArgs(t, c.Args)
	m.checkVolumes(t, pod, claims, namespace)
	m.checkConfig(t, pod, namespace)
	checkProbes(t, pod)
	checkNames(t, c)
	if c.Resources.Limits.Memory().Cmp(*c.Resources.Requests.Memory()) < 0 || c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
		t.Errorf("resources: %+v", c.Resources)
	}
	if !*c.SecurityContext.ReadOnlyRootFilesystem {
		t.Error("it may write where nothing is kept")
	}
}

// checkVolumes: those that are mounted are there, of what is there or is said to be made.
func (m *manifests) checkVolumes(t *testing.T, pod *core.PodTemplateSpec, claims []core.PersistentVolumeClaim, namespace string) {
	t.Helper()
	made := madeByHand(t)
	volumes := make(map[string]bool)
	for _, c := range claims {
		volumes[c.Name] = true
	}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = true
		switch {
		case v.ConfigMap != nil && m.configs[namespace+"/"+v.ConfigMap.Name].Name == "" && !made[v.ConfigMap.Name]:
			t.Errorf("volume %s: there is no %s", v.Name, v.ConfigMap.Name)
		case v.Secret != nil && !made[v.Secret.SecretName]:
			t.Errorf("volume %s: nobody says how to make %s", v.Name, v.Secret.SecretName)
		case v.Secret != nil && *v.Secret.DefaultMode&0o007 != 0:
			t.Errorf("volume %s is for everybody: %o", v.Name, *v.Secret.DefaultMode)
		}
	}
	mounted := make(map[string]bool)
	for _, v := range pod.Spec.Containers[0].VolumeMounts {
		mounted[v.Name] = true
	}
	if diff := cmp.Diff(volumes, mounted); diff != "" {
		t.Errorf("volumes (-there +mounted):\n%s", diff)
	}
}

// madeByHand are the secrets and configurations that the comments say how to make.
func madeByHand(t *testing.T) map[string]bool {
	t.Helper()
	out := make(map[string]bool)
	for _, name := range []string{"daemonset.yaml", "receiver.yaml"} {
		text, err := os.ReadFile(filepath.Join("kubernetes", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`create (?:secret generic|configmap) (\S+)`).FindAllSubmatch(text, -1) {
			out[string(found[1])] = true
		}
	}
	return out
}

// checkConfig asks bwmon about the configuration that the pod mounts, laid out as Kubernetes
// does: links to files that are replaced as a whole. Files that it names have to be mounted.
func (m *manifests) checkConfig(t *testing.T, pod *core.PodTemplateSpec, namespace string) {
	t.Helper()
	c := &pod.Spec.Containers[0]
	files := configFiles(c.Args)
	if len(files) != 1 {
		t.Fatalf("it is configured by %v", files)
	}
	from := ""
	for _, v := range c.VolumeMounts {
		if v.MountPath == filepath.Dir(files[0]) {
			from = v.Name
		}
	}
	text := ""
	for _, v := range pod.Spec.Volumes {
		if v.Name == from && v.ConfigMap != nil {
			text = m.configs[namespace+"/"+v.ConfigMap.Name].Data[filepath.Base(files[0])]
		}
	}
	if text == "" {
		t.Fatalf("there is no %s", files[0])
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "bwmon.toml")
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "..1"), 0o755),
		os.WriteFile(filepath.Join(dir, "..1", "bwmon.toml"), []byte(text), 0o644),
		os.Symlink("..1", filepath.Join(dir, "..data")),
		os.Symlink("..data/bwmon.toml", path),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if said := bwmon(t, nil, "check", "-c", path); !strings.HasPrefix(said, "ok: configuration ") {
		t.Errorf("checked: %s", said)
	}
	for _, named := range regexp.MustCompile(`"(?:file:)?(/(?:etc|var|run)/[^"]+)"`).FindAllStringSubmatch(text, -1) {
		if !mountedAt(c, named[1]) {
			t.Errorf("%s is on no volume", named[1])
		}
	}
}

func mountedAt(c *core.Container, path string) bool {
	for _, v := range c.VolumeMounts {
		if path == v.MountPath || strings.HasPrefix(path, v.MountPath+"/") {
			return true
		}
	}
	return false
}

// checkProbes: they ask for what is served, where it is.
func checkProbes(t *testing.T, pod *core.PodTemplateSpec) {
	t.Helper()
	c := &pod.Spec.Containers[0]
	for name, p := range map[string]*core.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
		if p == nil || p.HTTPGet == nil {
			t.Errorf("%s: nothing is asked for", name)
			continue
		}
		if at := p.HTTPGet.Path; at != "/healthz" && at != "/readyz" {
			t.Errorf("%s: nobody answers at %s", name, at)
		}
		if pod.Spec.HostNetwork {
			if p.HTTPGet.Host != "127.0.0.1" || p.HTTPGet.Port.IntValue() == 0 {
				t.Errorf("%s asks %q at %s", name, p.HTTPGet.Host, p.HTTPGet.Port.String())
			}
		} else if portOf(pod, p.HTTPGet.Port) == 0 {
			t.Errorf("%s: there is no port %s", name, p.HTTPGet.Port.String())
		}
	}
}

// portOf is the port of that name or number; 0: there is none.
func portOf(pod *core.PodTemplateSpec, p intstr.IntOrString) int32 {
	for _, have := range pod.Spec.Containers[0].Ports {
		if have.Name == p.StrVal && p.Type == intstr.String || have.ContainerPort == p.IntVal {
			return have.ContainerPort
		}
	}
	return 0
}

// checkNames: $(NAME) is a variable that is there.
func checkNames(t *testing.T, c *core.Container) {
	t.Helper()
	have := make(map[string]bool)
	for _, e := range c.Env {
		have[e.Name] = true
	}
	texts := append([]string(nil), c.Args...)
	for _, v := range c.VolumeMounts {
		texts = append(texts, v.SubPathExpr)
	}
	for _, text := range texts {
		for _, found := range regexp.MustCompile(`\$\(([^)]*)\)`).FindAllStringSubmatch(text, -1) {
			if !have[found[1]] {
				t.Errorf("%s: there is no %s", text, found[1])
			}
		}
	}
}
