import { Database } from "lucide-react";
import { useQuery } from "@tanstack/react-query";

import { Badge } from "@/components/ui/badge";
import { Table, TableBody, TableCell, TableHead, TableHeader, TableRow } from "@/components/ui/table";
import { api } from "@/lib/api";

interface Instance {
  id: number;
  name: string;
  engine: string;
  host: string;
  state: "registered" | "lost";
  address: string;
}

/** Every database, and how to reach it. */
export default function DatabasesPage() {
  const { data: instances = [] } = useQuery<Instance[]>({
    queryKey: ["databases", "instances"],
    queryFn: () => api.get("/api/modules/databases/instances"),
  });

  return (
    <section className="space-y-4">
      <h1 className="flex items-center gap-2 text-2xl font-semibold">
        <Database aria-hidden /> Databases
      </h1>
      <Table>
        <TableHeader>
          <TableRow>
            <TableHead>Name</TableHead>
            <TableHead>Address</TableHead>
            <TableHead>State</TableHead>
          </TableRow>
        </TableHeader>
        <TableBody>
          {instances.map((instance) => (
            <TableRow key={instance.id}>
              <TableCell>{instance.name}</TableCell>
              <TableCell className="font-mono">{instance.address}</TableCell>
              <TableCell>
                <Badge variant={instance.state === "lost" ? "destructive" : "secondary"}>{instance.state}</Badge>
              </TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </section>
  );
}
