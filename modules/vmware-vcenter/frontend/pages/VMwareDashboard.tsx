import { useEffect, useState } from "react";

interface Machine {
  name: string;
  memory_gb: number;
  state: "ordered" | "running";
}

/** Every virtual machine, ordered or running. */
export default function VMwareDashboard() {
  const [machines, setMachines] = useState<Machine[]>([]);

  useEffect(() => {
    fetch("/api/v1/modules/vmware-vcenter/vms")
      .then((response) => response.json())
      .then(setMachines);
  }, []);

  return (
    <section>
      <h1>VMware vCenter</h1>
      <ul>
        {machines.map((machine) => (
          <li key={machine.name}>
            {machine.name}: {machine.memory_gb} GB, {machine.state}
          </li>
        ))}
      </ul>
    </section>
  );
}
